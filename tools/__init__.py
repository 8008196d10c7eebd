"""Programs for whoever works on the bot; users do not need them."""
