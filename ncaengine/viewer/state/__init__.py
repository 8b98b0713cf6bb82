"""What the window knows. No imgui in here."""
