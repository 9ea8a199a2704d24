"""People's decisions: what they ask for, what it holds for, and what became of each product."""
