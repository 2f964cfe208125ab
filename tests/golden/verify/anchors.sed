s/ServiceAccount/\&account ServiceAccount/
