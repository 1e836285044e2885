"""What a session leaves behind, by what comes out."""
