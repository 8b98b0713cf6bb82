"""Published weights -> Model. Each module knows one family's file form."""
