"""What the AWS backends share: sessions and clients, error mapping, call budgets, halt marks as tags, polling.

Apart because Lambda and IAM are two platforms to the console but one to the network. It knows no particular target,
and importing it imports no SDK.
"""
