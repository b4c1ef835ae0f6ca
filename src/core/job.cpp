#include "core/job.hpp"

#include <algorithm>

#include "core/key.hpp"

namespace baton::core {
namespace {

using Changes = std::map<Index, TaskRecord>;

const Product& product_of(const Run& run, const Changes& changes, const From::Source& source) {
  if (source.given) return *source.given;
  const auto changed = changes.find(source.node);
  const auto& record = changed == changes.end() ? run.task(source.node) : changed->second;
  BATON_ASSERT(record.success != nullptr);
  const auto& products = record.success->products;
  const auto found = std::ranges::find(products, source.port, &Product::port);
  BATON_ASSERT(found != products.end());
  return *found;
}

Resolved resolve(const Run& run, const Changes& changes, const TaskDefinition& task, const Input& input) {
  Resolved resolved{.port = input.port};
  if (const auto* literal = std::get_if<Literal>(&input.source)) {
    resolved.items.emplace_back(literal->value);
  } else if (const auto* param = std::get_if<Param>(&input.source)) {
    resolved.items.emplace_back(param->value);
  } else if (const auto* file = std::get_if<FileInput>(&input.source)) {
    const auto stamp = std::ranges::find(task.stamps, file->path, &Stamp::path);
    resolved.items.emplace_back(stamp == task.stamps.end() ? Stamp{.path = file->path} : *stamp);
  } else {
    const auto& from = std::get<From>(input.source);
    resolved.list = from.gather;
    for (const auto& source : from.sources) resolved.items.emplace_back(product_of(run, changes, source).content);
  }
  return resolved;
}

bool is_of_kind(OutputKind kind, const Product& product) {
  const auto* value = std::get_if<Value>(&product.content);
  if (is_path(kind)) return value == nullptr;
  if (value == nullptr || value->json.empty()) return false;
  const char first = value->json.front();
  const bool number = first == '-' || (first >= '0' && first <= '9');
  switch (kind) {
    case OutputKind::number: return number;
    case OutputKind::integer: return number && value->json.find_first_of(".eE") == std::string::npos;
    case OutputKind::string: return first == '"';
    case OutputKind::boolean: return value->json == "true" || value->json == "false";
    default: return true;
  }
}

std::string_view name_of(OutputKind kind) {
  switch (kind) {
    case OutputKind::file: return "file";
    case OutputKind::directory: return "dir";
    case OutputKind::number: return "number";
    case OutputKind::integer: return "integer";
    case OutputKind::string: return "string";
    case OutputKind::boolean: return "boolean";
    case OutputKind::json: return "json";
  }
  BATON_UNREACHABLE();
}

}  // namespace

Job job_of(const Run& run, Index task, std::int32_t attempt, const Changes& changes) {
  const auto& definition = run.definition();
  const auto& own = run.definition_of(task);
  Job job{.id = job_id(definition.key.user, definition.key.project, definition.uuid, own.node.id, attempt),
          .run = definition.key,
          .run_uuid = definition.uuid,
          .node = own.node.id,
          .attempt = attempt,
          .folder = folder_of(own.node),
          .step = own.node.step,
          .foreach = own.node.foreach,
          .params = own.node.params,
          .stamps = own.stamps,
          .simulated = definition.simulated};
  if (job.simulated) return job;
  for (const auto& input : own.node.inputs) {
    const auto& resolved = job.inputs.emplace_back(resolve(run, changes, own, input));
    if (!std::holds_alternative<From>(input.source)) continue;
    for (const auto& item : resolved.items)  // what others made can be written over while this one reads it, too
      if (const auto* stamp = std::get_if<Stamp>(&item)) job.stamps.push_back(*stamp);
  }
  return job;
}

std::optional<Error> check_products(const Step& step, const Products& products) {
  for (const auto& output : step.outputs) {
    const auto found = std::ranges::find(products, output.port, &Product::port);
    const bool missing = found == products.end();
    if (!missing && is_of_kind(output.kind, *found)) continue;
    const auto kind = std::string(name_of(output.kind));
    if (missing && is_path(output.kind))
      return Error{.code = "runtime.output_missing",
                   .what = "output '" + output.port + "' was not made: there is no " + kind + " '" + output.name + "'",
                   .way_out = "write it to the path that ${outputs." + output.port + "} gives"};
    if (missing)
      return Error{.code = "runtime.output_missing",
                   .what = "output '" + output.port + "' has no value",
                   .way_out = "write {\"" + output.port + "\": …} to the file that $BATON_OUTPUTS names"};
    const auto* value = std::get_if<Value>(&found->content);
    return Error{.code = "runtime.output_type",
                 .what = "output '" + output.port + "' is declared as " + kind + ", but is " +
                         (value ? value->json.substr(0, 80) : std::string("a path")),
                 .way_out = "change the declaration or what the step writes"};
  }
  return std::nullopt;
}

}  // namespace baton::core
