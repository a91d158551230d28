package hostguard

// noImage is an image that cannot exist. Distributors ask for a container of it to find out
// whether the certificate's files are there: engines look at mounts first.
const noImage = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// decideProbe asks for a container that cannot be made.
func (c *Config) decideProbe(body *object) (*order, error) {
	made := newContainer{Image: body.text("Image")}
	config := body.child("HostConfig")
	mounts, err := c.readMounts(config)
	if err != nil {
		return nil, err
	}
	if err := body.end(config); err != nil {
		return nil, err
	}
	made.HostConfig.Mounts = mounts
	return &order{before: "/containers/create", body: made}, nil
}
