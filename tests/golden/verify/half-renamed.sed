/^  name: /s/good/p-good/
