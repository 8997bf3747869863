package iam

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	api "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"cutover/reconciler/failure"
)

const (
	defaultTimeout = 15 * time.Second
	defaultRegion  = "us-east-1" // where IAM of the standard partition lives
	defaultQuota   = 2048
)

// Config says which IAM is meant. Credentials and region come as they do for every AWS tool: from the environment, the
// shared configuration files, a web identity, or the machine's role.
type Config struct {
	// Endpoint replaces AWS' own, for a stand-in. Empty is AWS'.
	Endpoint string
	// Region decides the partition (standard, China, GovCloud). Empty is what the environment says, or else us-east-1.
	Region string
	// PolicyQuota is the account's quota for the length of a trust policy, in characters. The default is 2048, as it is
	// AWS'; AWS raises it to 4096 on request.
	PolicyQuota int
	// Timeout bounds one request. The default is 15 s.
	Timeout time.Duration
}

// Client is the roles of IAM as the reconciler needs them. It may be used by several goroutines.
type Client struct {
	api     *api.Client
	quota   int
	timeout time.Duration
}

// New checks the configuration and reads the environment's. It makes no request to IAM.
func New(ctx context.Context, c Config) (*Client, error) {
	if c.Timeout < 0 || c.PolicyQuota < 0 {
		return nil, errors.New("iam: Timeout and PolicyQuota must not be negative")
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
			return nil, errors.New("iam: the endpoint must be an http or https URL without credentials")
		}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.PolicyQuota == 0 {
		c.PolicyQuota = defaultQuota
	}
	environment, err := config.LoadDefaultConfig(ctx, config.WithRetryer(func() aws.Retryer {
		// The reconciler repeats, after it has looked again.
		return aws.NopRetryer{}
	}))
	if err != nil {
		return nil, fmt.Errorf("iam: read the AWS configuration: %w", err)
	}
	return &Client{
		api: api.NewFromConfig(environment, func(o *api.Options) {
			if c.Region != "" {
				o.Region = c.Region
			}
			if o.Region == "" {
				o.Region = defaultRegion
			}
			if c.Endpoint != "" {
				o.BaseEndpoint = aws.String(c.Endpoint)
			}
		}),
		quota:   c.PolicyQuota,
		timeout: c.Timeout,
	}, nil
}

// document is the text of a role's trust policy.
func (c *Client) document(ctx context.Context, role string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.api.GetRole(ctx, &api.GetRoleInput{RoleName: aws.String(role)})
	if err != nil {
		return "", translated(err)
	}
	if answer.Role == nil || answer.Role.AssumeRolePolicyDocument == nil {
		return "", fmt.Errorf("%w: the answer has no trust policy", failure.ErrTransient)
	}
	// By RFC 3986, in which a plus sign is one.
	text, err := url.PathUnescape(*answer.Role.AssumeRolePolicyDocument)
	if err != nil {
		return "", fmt.Errorf("%w: the trust policy is not URL-encoded: %w", failure.ErrTransient, err)
	}
	return text, nil
}

func (c *Client) setDocument(ctx context.Context, role, text string) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	_, err := c.api.UpdateAssumeRolePolicy(ctx, &api.UpdateAssumeRolePolicyInput{RoleName: aws.String(role), PolicyDocument: aws.String(text)})
	return translated(err)
}

// translated gives an error of the SDK as one of package failure.
func translated(err error) error {
	if err == nil {
		return nil
	}
	kind := failure.ErrTransient // no answer, or none that is AWS'
	var (
		missing    *types.NoSuchEntityException
		concurrent *types.ConcurrentModificationException
		busy       *types.EntityTemporarilyUnmodifiableException
		answer     smithy.APIError
		response   *smithyhttp.ResponseError
		parameters *smithy.InvalidParamsError
	)
	switch {
	case errors.As(err, &missing):
		kind = failure.ErrNotFound
	case errors.As(err, &concurrent):
		kind = failure.ErrConflict
	case errors.As(err, &busy):
	case errors.As(err, &parameters):
		kind = failure.ErrRefused
	case errors.As(err, &answer) && errors.As(err, &response) && refusal(response.HTTPStatusCode(), answer.ErrorCode()):
		kind = failure.ErrRefused
	}
	return fmt.Errorf("%w: %w", kind, said(err))
}

// refusal reports whether an answer with that status and code is a no. AWS throttles with 400, too.
func refusal(status int, code string) bool {
	switch code {
	case "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout", "RequestTimeoutException":
		return false
	}
	return status >= 300 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// said takes from an error what the SDK wraps around it: the names of the service and the operation, and the id of the
// request.
func said(err error) error {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer
	}
	return err
}
