"""HTML pages made from the records of a run or an inspection."""
