s/operations: \[UPDATE, DELETE\]/operations: [UPDATE]/
s/objectSelector: {matchLabels: {team: shop}}/objectSelector: {matchLabels: {team: shop, tier: web}}/
s/selector: {matchLabels: {team: shop}}/selector: {matchLabels: {team: shop, tier: web}}/
s/matchPolicy: Equivalent/matchPolicy: Exact/
