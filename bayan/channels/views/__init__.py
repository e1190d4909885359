"""Pages of channels: templates and broadcasts, accounts and their health."""
