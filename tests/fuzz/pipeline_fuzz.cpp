// No text, however wrong, makes the reader crash, hang or grow; and its error can be shown.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/dag.hpp"
#include "formats/pipeline.hpp"
#include "formats/show_error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto project = baton::formats::parse_pipeline(text, {.file = "pipeline.yaml", .base_dir = "/work", .set = {}});
  if (!project) {
    BATON_ASSERT(!project.error().code.empty() && !project.error().what.empty());
    BATON_ASSERT(!baton::formats::show(project.error(), text).empty());
  } else {
    BATON_ASSERT(!baton::core::find_cycle(baton::core::dag_of(*project)));
  }
  return 0;
}
