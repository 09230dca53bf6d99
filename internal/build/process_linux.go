package build

import "golang.org/x/sys/unix"

// concealEnvironment keeps the commands from reading this process's memory and
// its first environment, with the deploy's credentials, through /proc: the
// kernel then asks for CAP_SYS_PTRACE, which a container does not have, though
// they run as the same user. Where the kernel refuses, the environment that
// they are given is still without credentials.
// https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
func concealEnvironment() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// adoptOrphans makes us the parent of processes whose own parent has ended, as
// process 1 is, so that reapGroup can collect those of a group: the dead would
// count as the living where process 1 does not care.
// https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
func adoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
