"""Creates, locks, writes and reads run folders."""
