//go:build unix

package isolation

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"syscall"
)

// ownerOf returns who owns a file. Links are followed.
func ownerOf(name string) (User, error) {
	info, err := os.Stat(name)
	if err != nil {
		return User{}, err
	}
	return ownerIn(info)
}

func ownerIn(info fs.FileInfo) (User, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return User{}, errors.ErrUnsupported
	}
	return User{int(st.Uid), int(st.Gid)}, nil
}

// give makes what a user owns at and below a name, relative to dir, another
// user's. Nothing outside dir is touched: a build may have put links anywhere.
// A group that is not the user's stays.
func give(dir, name string, from, to User) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	name = path.Clean(filepath.ToSlash(name))
	return fs.WalkDir(root.FS(), name, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		owner, err := ownerIn(info)
		if err != nil || owner.UID != from.UID {
			return err
		}
		gid := -1
		if owner.GID == from.GID {
			gid = to.GID
		}
		return root.Lchown(name, to.UID, gid)
	})
}

// detach gives a command a session, and with it a process group, of its own.
func detach(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid = true
}

// endGroup ends what is left of the group of a command that has ended.
func endGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
