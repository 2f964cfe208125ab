s/ame: good-/ame: p-good-/
s/ame: "good:/ame: "p-good:/
