"""What is told of a store: from its children to its status, its conditions and how its pods fare. Pure."""

from vectorstore_operator.observe.backed import Backed
from vectorstore_operator.observe.status import Usage, plan_status, status

__all__ = ["Backed", "Usage", "plan_status", "status"]
