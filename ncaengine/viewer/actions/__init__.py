"""What the window's keys and buttons do. No imgui in here."""
