# Roles for ecraudit in one account. terraform init; terraform apply

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_iam_role" "ecraudit_hub" {
  name        = "hub"
  path        = "/team/"
  description = "Lets ecraudit list the organization and assume its roles in every account."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "LetAssume"
        Effect = "Allow"
        Principal = {
          AWS = "arn:${data.aws_partition.current.partition}:iam::111122223333:root"
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

resource "aws_iam_role_policy" "ecraudit_hub" {
  name = "ecraudit"
  role = aws_iam_role.ecraudit_hub.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "EnterAccounts"
        Effect = "Allow"
        Action = [
          "sts:AssumeRole",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::*:role/ecraudit-reader",
          "arn:${data.aws_partition.current.partition}:iam::*:role/ecraudit-fixer",
        ]
        Condition = {
          StringEquals = {
            "aws:ResourceOrgID" = "$${aws:PrincipalOrgID}"
          }
        }
      },
      {
        Sid    = "ReadOrganization"
        Effect = "Allow"
        Action = [
          "organizations:DescribeOrganization",
          "organizations:ListAccounts",
        ]
        Resource = [
          "*",
        ]
      },
      {
        Sid    = "ReadUnits"
        Effect = "Allow"
        Action = [
          "organizations:ListOrganizationalUnitsForParent",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:organizations::*:ou/*",
          "arn:${data.aws_partition.current.partition}:organizations::*:root/*",
        ]
      },
      {
        Sid    = "ReadAccountTags"
        Effect = "Allow"
        Action = [
          "organizations:ListTagsForResource",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:organizations::*:account/*",
        ]
      },
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
          "arn:${data.aws_partition.current.partition}:ecr:*:111122223333:repository/*",
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
          "arn:${data.aws_partition.current.partition}:ecr:*:111122223333:repository/*",
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
          "arn:${data.aws_partition.current.partition}:iam::111122223333:role/*",
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
