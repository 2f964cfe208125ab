s/ame: good-objects/ame: good-gone/
