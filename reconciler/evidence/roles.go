package evidence

// Role is an IAM role that the new cluster's nodes have to assume (step 4).
type Role struct {
	Name string
	// Missing says that there is no such role.
	Missing bool
	// Principals are those whom its trust policy allows something and does not deny it, sorted: the ARN of an AWS
	// principal, and of the other kinds the kind and the name, such as "Service ec2.amazonaws.com".
	Principals []string
	// Trusts says that its trust policy lets the new principal assume it.
	Trusts bool
	// Lost are the principals that the policy had when it was first seen and has no more, other than the new one.
	Lost []string
	// Problem says why the policy cannot be changed: it denies the principal, or cannot be read. "" if it can.
	Problem string
}
