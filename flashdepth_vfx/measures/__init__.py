"""How right, how sharp and how steady a depth is against the truth, and what the measures take: clips, predictors.

Training judges by these and the evaluation reports them; they know of neither.
"""
