/// Announcements in the words and shapes of the reference's topics (C§7).
#pragma once

#include <string>
#include <vector>

#include "amqp/types.hpp"
#include "ports/events.hpp"

namespace baton::events {

/// The exchanges that messages go to, as the reference declares them.
[[nodiscard]] std::vector<amqp::Declaration> topics();
/// What one entry of the outbox becomes: one message or two. Each carries the headers `baton-run`, `baton-fence` and `baton-n`: of two
/// messages of a run the one with the greater pair is newer.
[[nodiscard]] std::vector<amqp::Message> messages_of(const Outgoing& outgoing);
/// The one of them that a job's progress goes to; best effort.
[[nodiscard]] amqp::Declaration progress_topic();
[[nodiscard]] amqp::Message progress_of(const core::RunKey& run, const NodeId& node, double progress);

}  // namespace baton::events
