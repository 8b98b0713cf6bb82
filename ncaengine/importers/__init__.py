"""Published weights -> Model. Each module knows one family's file form."""

ARTICLE_KERNELS = ("square", "hexagonal-distill")
"""What models of the article were published to run on. On the moment-matched hexagonal kernel, whose
response to the finest detail is 1.5 times the square's, some of them turn to noise or die out."""
