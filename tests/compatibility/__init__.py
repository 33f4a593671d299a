"""What an older version has written must stay readable and writable: see README.md here."""
