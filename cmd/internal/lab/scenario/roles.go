package scenario

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cutover/gitops/estate"
)

// trustPolicy is the trust policy of a role that the old cluster's nodes assume.
const trustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:role/nodes.old"},"Action":"sts:AssumeRole"}]}`

// IAM is a client with every right.
func (s *Scenario) IAM() *iam.Client {
	at := s.Lab.AWS
	return iam.New(iam.Options{
		Region: at.Region, BaseEndpoint: aws.String(at.URL),
		Credentials: credentials.NewStaticCredentialsProvider(at.AccessKeyID, at.SecretAccessKey, ""),
	})
}

// createRoles creates the roles of the migration as the old cluster has left them.
func (s *Scenario) createRoles(ctx context.Context, m estate.Migration) error {
	client := s.IAM()
	for _, name := range m.Trust.Roles {
		_, err := client.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(fmt.Sprintf(trustPolicy, s.Lab.AWS.Account)),
		})
		var exists *types.EntityAlreadyExistsException
		if err != nil && !errors.As(err, &exists) {
			return fmt.Errorf("create role %s: %w", name, err)
		}
	}
	return nil
}
