package build

import (
	"os/exec"
	"sync"
)

// sessions are those of the commands that run now: the ids of their first
// processes.
var sessions = sessionSet{ids: map[int]bool{}}

type sessionSet struct {
	mu  sync.Mutex
	ids map[int]bool
}

func (s *sessionSet) enter(cmd *exec.Cmd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[cmd.Process.Pid] = true
}

func (s *sessionSet) leave(cmd *exec.Cmd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, cmd.Process.Pid)
}

func (s *sessionSet) live(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}
