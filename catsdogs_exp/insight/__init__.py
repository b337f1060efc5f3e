"""What a network sees. Arrays in, arrays out."""
