#include "backend/local/ticket.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include "backend/local/processes.hpp"
#include "backend/local/wire.hpp"
#include "core/substitute.hpp"

namespace baton::local {
namespace {

constexpr std::uint8_t ticket_version = 2;

std::string json_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const std::string& path_or_json(const std::variant<core::Value, core::Stamp>& item) {
  const auto* value = std::get_if<core::Value>(&item);
  return value ? value->json : std::get<core::Stamp>(item).path;
}

std::vector<std::string> words(const core::Resolved& input) {
  std::vector<std::string> all;
  for (const auto& item : input.items) {
    if (const auto* value = std::get_if<core::Value>(&item))
      for (auto& word : core::words_of(value->json)) all.push_back(std::move(word));
    else
      all.push_back(path_or_json(item));
  }
  return all;
}

/// Shortest text that reads back as the same number: 2, 0.5, 1073741824.
std::string number_text(double number) {
  std::array<char, 32> digits{};
  const auto whole = static_cast<std::int64_t>(number);
  const auto end = static_cast<double>(whole) == number ? std::to_chars(digits.data(), digits.data() + digits.size(), whole).ptr
                                                        : std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return {digits.data(), end};
}

double cpus_of(const core::Step& step) {
  const auto cpu = step.resources.find("cpu");
  return cpu == step.resources.end() ? 1.0 : cpu->second;
}

std::vector<std::string> value_of(const core::Job& job, const Ticket& ticket, std::string_view space, std::string_view name) {
  const auto named = [name](const auto& pair) { return pair.first == name; };
  if (space == "inputs") {
    const auto found = std::ranges::find(job.inputs, name, &core::Resolved::port);
    return found == job.inputs.end() ? std::vector<std::string>{} : words(*found);
  }
  if (space == "outputs") {
    const auto found = std::ranges::find(job.step->outputs, name, &core::Output::port);
    return {found == job.step->outputs.end() ? std::string() : ticket.work + "/" + found->name};
  }
  if (space == "params" || space == "foreach") {
    const auto& list = space == "params" ? job.params : job.foreach;
    const auto found = std::ranges::find_if(list, named);
    return found == list.end() ? std::vector<std::string>{} : core::words_of(found->second.json);
  }
  if (space == "resources") {
    const auto found = job.step->resources.find(std::string(name));
    return {found != job.step->resources.end() ? number_text(found->second) : name == "cpu" ? "1" : "0"};
  }
  return {name == "attempt" ? std::to_string(job.attempt) : job.node.value()};  // node.id, node.attempt
}

/// One name of a path, whatever the id is made of.
std::string folder_of(const ProjectId& project) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string name;
  for (const char letter : project.value()) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = std::isalnum(byte) != 0 || letter == '-' || letter == '_' || (letter == '.' && !name.empty());
    if (plain)
      name += letter;
    else
      (name += '%').append({digits[byte >> 4], digits[byte & 15]});
  }
  return name;
}

std::int64_t microseconds(const std::optional<core::Duration>& limit) {
  return limit ? std::max<std::int64_t>(1, limit->count()) : 0;
}

}  // namespace

std::string encode(const Ticket& ticket) {
  Writer out;
  out.add(ticket_version).add(ticket.run.user.value()).add(ticket.run.project.value()).add(ticket.run.iteration.value());
  out.add(ticket.node).add(ticket.folder).add(ticket.work).add(ticket.has_inputs);
  out.add(static_cast<std::uint32_t>(ticket.outputs.size()));
  for (const auto& output : ticket.outputs) out.add(output.port).add(output.kind).add(output.name).add(output.by_stat);
  out.add(static_cast<std::uint32_t>(ticket.stamps.size()));
  for (const auto& stamp : ticket.stamps) out.add(stamp.path).add(stamp.stat).add(stamp.digest).add(stamp.settled);
  out.add(ticket.simulated).add(ticket.run_us).add(ticket.silence_us);
  return out.take();
}

std::optional<Ticket> decode_ticket(std::string_view bytes) {
  Reader in(bytes);
  if (in.number<std::uint8_t>() != ticket_version) return std::nullopt;
  Ticket ticket;
  ticket.run.user = UserId(in.number<std::int64_t>());
  ticket.run.project = ProjectId(in.text());
  ticket.run.iteration = Iteration(in.number<std::int64_t>());
  ticket.node = in.text();
  ticket.folder = in.text();
  ticket.work = in.text();
  ticket.has_inputs = in.number<std::uint8_t>() != 0;
  for (auto left = in.count(); left > 0; --left) {
    core::Output output;
    output.port = in.text();
    output.kind = in.number<core::OutputKind>();
    output.name = in.text();
    output.by_stat = in.number<std::uint8_t>() != 0;
    ticket.outputs.push_back(std::move(output));
  }
  for (auto left = in.count(); left > 0; --left) {
    core::Stamp stamp;
    stamp.path = in.text();
    stamp.stat = in.text();
    stamp.digest = in.text();
    stamp.settled = in.number<std::uint8_t>() != 0;
    ticket.stamps.push_back(std::move(stamp));
  }
  ticket.simulated = in.number<std::uint8_t>() != 0;
  ticket.run_us = in.number<std::int64_t>();
  ticket.silence_us = in.number<std::int64_t>();
  return in.good() && in.ended() ? std::optional(std::move(ticket)) : std::nullopt;
}

/// Between a task's folder and its attempt: what no node and no value of a foreach is called in a path (core::folder_of), so that nobody's
/// folder or log lies in another's.
static constexpr char attempt_mark = '@';

Ticket ticket_of(const core::Job& job, const std::string& runs, const std::string& out, bool by_project) {
  Ticket ticket{.run = job.run,
                .node = job.node.value(),
                .folder = out + "/" + (by_project ? folder_of(job.run.project) + "/" : "") + job.folder,
                .work = runs + "/" + job.run_uuid.value() + "/" + job.folder + attempt_mark + std::to_string(job.attempt),
                .has_inputs = !job.simulated && !job.inputs.empty(),
                .stamps = job.stamps,
                .simulated = job.simulated,
                .run_us = microseconds(job.step->limits.run),
                .silence_us = microseconds(job.step->limits.silence)};
  if (!job.simulated) ticket.outputs = job.step->outputs;
  return ticket;
}

std::string inputs_text(const core::Job& job) {
  std::string text = "{";
  for (const auto& input : job.inputs) {
    if (text.size() > 1) text += ',';
    text += json_text(input.port) + ":";
    if (input.list) text += '[';
    for (std::size_t i = 0; i < input.items.size(); ++i) {
      if (i > 0) text += ',';
      const bool value = std::holds_alternative<core::Value>(input.items[i]);
      text += value ? path_or_json(input.items[i]) : json_text(path_or_json(input.items[i]));
    }
    if (input.list) text += ']';
  }
  return text + "}\n";
}

Spec spec_of(const core::Job& job, const Ticket& ticket, const std::string& no_inputs) {
  const auto& step = *job.step;
  Spec spec{.id = job.id.value(),
            .folder = ticket.work,
            .resources = step.resources,
            .run_us = ticket.run_us,
            .silence_us = ticket.silence_us,
            .grace_us = step.limits.grace.count(),
            .ticket = encode(ticket)};
  spec.resources.try_emplace("cpu", 1.0);
  const core::Lookup lookup = [&](std::string_view space, std::string_view name) { return value_of(job, ticket, space, name); };
  spec.environment = {std::string(job_variable) + "=" + job.id.value(),
                      "BATON_NODE=" + job.node.value(),
                      "BATON_RUN=" + job.run_uuid.value(),
                      "BATON_ATTEMPT=" + std::to_string(job.attempt),
                      "BATON_CPUS=" + number_text(cpus_of(step)),
                      "BATON_INPUTS=" + (ticket.has_inputs ? ticket.inputs_file() : no_inputs),
                      "BATON_OUTPUTS=" + ticket.outputs_file()};
  if (job.simulated) {
    spec.argv = {"/bin/true"};
    return spec;
  }
  if (ticket.has_inputs) spec.inputs = inputs_text(job);
  if (step.command.words.empty())
    spec.argv = {""};  // no program: it ends as one that could not be started
  else if (step.command.shell)
    spec.argv = {"/bin/sh", "-eu", "-c", core::substitute(step.command.words.front(), core::Quoting::shell, lookup)};
  else
    for (const auto& word : step.command.words) spec.argv.push_back(core::substitute(word, core::Quoting::none, lookup));
  for (const auto& [name, text] : step.env)
    spec.environment.push_back(name + "=" + core::substitute(text, core::Quoting::none, lookup));
  for (const auto& output : step.outputs)
    if (const auto slash = output.name.rfind('/'); slash != std::string::npos)
      spec.folders.push_back(output.name.substr(0, slash));
  for (const auto& file : step.files) spec.copies.emplace_back(file.path, file.path.substr(file.path.rfind('/') + 1));
  return spec;
}

}  // namespace baton::local
