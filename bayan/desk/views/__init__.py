"""Pages of the staff that no single app below could show."""
