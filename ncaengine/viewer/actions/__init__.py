"""What the window's keys and buttons do: functions of the App. No imgui in here."""
