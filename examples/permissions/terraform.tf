# Roles for ecraudit in one account. terraform init; terraform apply
# Make the hub role before: IAM refuses to trust a role that does not exist.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_iam_role" "ecraudit_reader" {
  name        = "ecraudit-reader"
  path        = "/"
  description = "Lets ecraudit read the ECR registries of this account."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LetAssume"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::111122223333:role/team/hub"
        }
        Action = [
          "sts:AssumeRole",
        ]
        Condition = {
          StringEquals = {
            "aws:PrincipalOrgID" = "o-a1b2c3d4e5"
            "sts:ExternalId"     = "0f3a"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "ecraudit_reader" {
  name = "ecraudit"
  role = aws_iam_role.ecraudit_reader.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadRepositories"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:BatchGetRepositoryScanningConfiguration",
          "ecr:DescribeImageScanFindings",
          "ecr:DescribeImages",
          "ecr:DescribeRepositories",
          "ecr:GetLifecyclePolicy",
          "ecr:GetRepositoryPolicy",
          "ecr:ListTagsForResource",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:ecr:*:${data.aws_caller_identity.current.account_id}:repository/*",
        ]
      },
      {
        Sid    = "ReadRegistries"
        Effect = "Allow"
        Action = [
          "ecr:DescribePullThroughCacheRules",
          "ecr:DescribeRegistry",
          "ecr:DescribeRepositoryCreationTemplates",
          "ecr:GetAccountSetting",
          "ecr:GetRegistryPolicy",
          "ecr:GetRegistryScanningConfiguration",
        ]
        Resource = [
          "*",
        ]
      },
      {
        Sid    = "ReadInspectorFindings"
        Effect = "Allow"
        Action = [
          "inspector2:ListCoverage",
          "inspector2:ListFindings",
        ]
        Resource = [
          "*",
        ]
      },
      {
        Sid    = "ReadRegions"
        Effect = "Allow"
        Action = [
          "ec2:DescribeRegions",
        ]
        Resource = [
          "*",
        ]
      },
    ]
  })
}

resource "aws_iam_role" "ecraudit_fixer" {
  name        = "ecraudit-fixer"
  path        = "/"
  description = "Lets ecraudit mend what it finds in the ECR registries of this account."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LetAssume"
        Effect = "Allow"
        Principal = {
          AWS = "arn:aws:iam::111122223333:role/team/hub"
        }
        Action = [
          "sts:AssumeRole",
        ]
        Condition = {
          StringEquals = {
            "aws:PrincipalOrgID" = "o-a1b2c3d4e5"
            "sts:ExternalId"     = "0f3a"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "ecraudit_fixer" {
  name = "ecraudit"
  role = aws_iam_role.ecraudit_fixer.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "FixRepositories"
        Effect = "Allow"
        Action = [
          "ecr:BatchDeleteImage",
          "ecr:BatchGetImage",
          "ecr:CreateRepository",
          "ecr:DeleteLifecyclePolicy",
          "ecr:DeleteRepositoryPolicy",
          "ecr:DescribeImageScanFindings",
          "ecr:DescribeImages",
          "ecr:DescribeRepositories",
          "ecr:GetLifecyclePolicy",
          "ecr:GetLifecyclePolicyPreview",
          "ecr:GetRepositoryPolicy",
          "ecr:ListTagsForResource",
          "ecr:PutImage",
          "ecr:PutImageScanningConfiguration",
          "ecr:PutImageTagMutability",
          "ecr:PutLifecyclePolicy",
          "ecr:SetRepositoryPolicy",
          "ecr:StartImageScan",
          "ecr:StartLifecyclePolicyPreview",
          "ecr:TagResource",
          "ecr:UntagResource",
          "ecr:UpdateImageStorageClass",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:ecr:*:${data.aws_caller_identity.current.account_id}:repository/*",
        ]
      },
      {
        Sid    = "FixRegistries"
        Effect = "Allow"
        Action = [
          "ecr:DeleteRegistryPolicy",
          "ecr:DescribeRepositoryCreationTemplates",
          "ecr:GetRegistryPolicy",
          "ecr:GetRegistryScanningConfiguration",
          "ecr:PutRegistryPolicy",
          "ecr:PutRegistryScanningConfiguration",
          "ecr:UpdateRepositoryCreationTemplate",
        ]
        Resource = [
          "*",
        ]
      },
      {
        Sid    = "FixPassTemplateRoles"
        Effect = "Allow"
        Action = [
          "iam:PassRole",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/*",
        ]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "ecr.amazonaws.com"
          }
        }
      },
    ]
  })
}
