1i\
Error: there is no such chart
d
