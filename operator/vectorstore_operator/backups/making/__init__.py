"""How one backup comes to be, is proven, and goes."""
