/// Digests and identities: what makes two tasks the same, and what a job is called.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::core {

/// 64 lower-case hex digits.
[[nodiscard]] std::string sha256(std::string_view bytes);
/// RFC 4122 version 5. `space` is a UUID in its usual spelling.
[[nodiscard]] std::string uuid5(std::string_view space, std::string_view name);

/// The digest of what a task is, without its inputs' content: command before substitution, env of the file, image, outputs, files by
/// name and digest, foreach values, params used (pipeline format, "The key of a task"). Never over a path, a time or the machine.
/// `file_digests` parallel to `Step::files`.
[[nodiscard]] std::string definition_digest(const Node& node, std::span<const std::string> file_digests);
/// definition_digest in its two halves, for who has many nodes of one step: what the step says, and then what the node adds.
[[nodiscard]] std::string step_digest(const Step& step, std::span<const std::string> file_digests);
[[nodiscard]] std::string node_digest(const Node& node, std::string_view digest_of_step);
/// The digest that stands for a gathered list.
[[nodiscard]] std::string gathered_digest(std::span<const std::string> digests);

/// `{key}:{version}:userid_{u}:projectid_{p}:nodeid_{n}:uuid_{uuid5(run uuid, node, attempt)}` (R1).
[[nodiscard]] JobId job_id(UserId user, const ProjectId& project, const RunUuid& run, const NodeId& node, std::int32_t attempt);

/// The reference's run_hash (C§4.5): SHA-256 of `{"inputs": …, "outputs": …}` as Python's json.dumps(sort_keys=True) writes it. Both
/// arguments are JSON objects port -> payload, links already replaced by their values, or `null` for a side that is absent.
/// Errors: input.bad_json.
[[nodiscard]] Result<std::string> io_hash(std::string_view inputs, std::string_view outputs);

}  // namespace baton::core
