/// pipeline.yaml, format version 1 (docs/pipeline.md), as a project.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/result.hpp"

namespace baton::formats {

struct ParseOptions {
  std::string file;      ///< the document's name, for messages; the project is called after it where the document has no `name`
  std::string base_dir;  ///< absolute; relative paths of the document begin here
  std::map<std::string, std::string> set;  ///< `--set K=V`: parameter and its value, as YAML
  /// Of values of `set` that come out of a file: `file:line:column`.
  std::map<std::string, std::string> set_at{};
  std::int32_t retries_lost = core::Retries{}.lost;  ///< of steps for which the document does not say `retries: {lost: …}`
};

/// Reads a document of at most 16 MiB. No file is looked at but the text. What is given is complete and free of cycles; ids are unique.
/// The first thing that is wrong is the error; its `where` is `file:line:column` (or `--set K`, or a place of `set_at`). Codes:
///   reading    input.yaml input.encoding input.too_big input.too_deep input.alias
///   fields     input.version input.missing_field input.unknown_field input.wrong_type input.bad_value input.bad_id input.out_of_range
///              input.duplicate (key, output name, value of a variable) input.outside_work_dir
///   names      input.unknown_node input.unknown_port input.unknown_param input.unknown_variable input.unknown_resource
///   the graph  input.which_task (one task or many?) input.foreach_mismatch input.gather_of_nothing input.cycle
///              input.too_many_tasks (100 000) input.too_many_edges (2 000 000)
[[nodiscard]] Result<core::Project> parse_pipeline(std::string_view text, const ParseOptions& options);

}  // namespace baton::formats
