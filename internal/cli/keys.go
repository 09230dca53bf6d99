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

// keySet names the settings that hold AWS credentials.
type keySet struct{ id, secret, token string }

var (
	storageKeys    = keySet{"aws-access-key-id", "aws-secret-access-key", "aws-session-token"}
	cloudfrontKeys = keySet{"cloudfront-access-key-id", "cloudfront-secret-access-key", "cloudfront-session-token"}
)

// cloudfrontProfile is the setting that takes the place of cloudfrontKeys.
const cloudfrontProfile = "cloudfront-profile"

// keys returns credentials as the settings give them. Nil: they give none, and
// the SDK looks where it always does.
func (s *settings) keys(set keySet) (aws.CredentialsProvider, error) {
	id, key, token := s.Secret(set.id).Reveal(), s.Secret(set.secret).Reveal(), s.Secret(set.token).Reveal()
	switch {
	case id == "" && key == "":
		return nil, nil
	case key == "":
		return nil, s.half(set.id, set.secret)
	case id == "":
		return nil, s.half(set.secret, set.id)
	}
	if s.isInput(set.id) != s.isInput(set.token) {
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
