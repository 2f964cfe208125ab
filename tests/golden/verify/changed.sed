s/oldObject.metadata.name == 'settings'/oldObject.metadata.name == 'setting'/
s/denied, there is a lock/no/
s/verbs: \[get, list\]/verbs: [get, "*"]/
