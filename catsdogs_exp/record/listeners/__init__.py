"""What listens to training and writes it down."""
