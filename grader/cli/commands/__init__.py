"""What each command takes and says it does. The work lies in actions and checking."""
