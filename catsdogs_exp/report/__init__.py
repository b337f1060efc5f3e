"""Pages for people, made from what a run or an inspection left."""
