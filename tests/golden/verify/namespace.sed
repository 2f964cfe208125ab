s/^  namespace: default$/  namespace: elsewhere/
/^kind: Validating/,/^metadata/s/^metadata:/&\
  namespace: elsewhere/
