package awssim_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecraudit/ecraudit/internal/awssim"
)

func Example() {
	org := awssim.NewOrganization(awssim.OrganizationOptions{ManagementAccount: "111111111111"})
	workloads := org.AddOU("workloads", "")
	shop := org.AddAccount(awssim.Account{ID: "222222222222", Name: "shop", OU: workloads, Roles: []awssim.Role{{Name: "audit"}}})

	base := awssim.BuildImage(awssim.ImageOptions{Seed: "api 1.0", Size: 50_000_000})
	base.Tags = []string{"v1.0"}
	shop.Registry("eu-west-1").
		SetScanning(awssim.Scanning{ScanType: "ENHANCED"}).
		AddRepository(awssim.Repository{Name: "shop/api", Images: []awssim.Image{base, awssim.CosignSignature(base), {}}})

	srv := awssim.Start(org, awssim.Options{})
	defer srv.Close()
	client := ecr.NewFromConfig(srv.Config("222222222222", "eu-west-1"))
	out, err := client.DescribeImages(context.Background(), &ecr.DescribeImagesInput{RepositoryName: aws.String("shop/api")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(out.ImageDetails), "images")
	fmt.Print(srv.Calls())
	// Output:
	// 3 images
	// 222222222222 eu-west-1 ecr:DescribeImages: 1
}
