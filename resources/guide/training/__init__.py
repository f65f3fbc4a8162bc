"""How the guide is made; needs PyTorch (the extra `guide-training`). Nothing else imports this package."""
