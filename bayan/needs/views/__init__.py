"""Pages of needs: requests, their forms, the calendar and the things."""
