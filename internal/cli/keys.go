package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/pandastack-io/pandastack/internal/config"
	"github.com/pandastack-io/pandastack/internal/storage"
)

// The settings that hold the storage's credentials.
const (
	keyID        = "aws-access-key-id"
	secretKey    = "aws-secret-access-key"
	sessionToken = "aws-session-token"
)

// keys returns the storage's credentials as the settings give them. Nil: they
// give none, and the SDK looks where it always does.
func (s *settings) keys() (aws.CredentialsProvider, error) {
	id, key, token := s.Secret(keyID).Reveal(), s.Secret(secretKey).Reveal(), s.Secret(sessionToken).Reveal()
	switch {
	case id == "" && key == "":
		return nil, nil
	case key == "":
		return nil, s.half(keyID, secretKey)
	case id == "":
		return nil, s.half(secretKey, keyID)
	}
	if s.isInput(keyID) != s.isInput(sessionToken) {
		token = "" // of other credentials, which the job has beside these
	}
	return credentials.NewStaticCredentialsProvider(id, key, token), nil
}

// half reports a setting without the one that belongs to it.
func (s *settings) half(has, lacks string) error {
	_, origin := s.Setting(has)
	set, _ := config.SettingNamed(lacks)
	return errors.Join(storage.ErrCredentials, &config.Error{
		Source: origin.String(), Msg: fmt.Sprintf("it is set, but %s is not", lacks),
		Hint: fmt.Sprintf("Set %s, or the input %s, too; in a workflow, check the name of the secret.", set.Variable, lacks),
	})
}

// isInput reports whether a setting comes from an input of the Action.
func (s *settings) isInput(name string) bool {
	_, origin := s.Setting(name)
	return strings.HasPrefix(origin.Source, "input ")
}
