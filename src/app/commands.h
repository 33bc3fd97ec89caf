#pragma once
// One function a command; each stands in a file of its own under commands/.

#include "app/cli.h"

namespace drover::app {

Command serve_command();
Command demo_command();
Command wall_command();
Command completion_command();
Command run_command();
Command session_ls_command();
Command session_show_command();
Command session_events_command();
Command session_follow_command();
Command session_export_command();
Command session_import_command();
Command session_cancel_command();
Command session_purge_command();
Command session_verify_command();
Command session_approve_command();
Command session_deny_command();
Command session_signal_command();
Command session_extend_command();
Command session_budget_command();
Command session_tree_command();
Command approvals_command();
Command kill_command();
Command agent_deploy_command();
Command agent_ls_command();
Command agent_show_command();
Command agent_pin_command();
Command agent_drain_command();
Command agent_move_command();
Command cost_command();
Command cost_calls_command();
Command cost_import_command();
Command cost_reconcile_command();
Command budget_ls_command();
Command budget_report_command();
Command trace_command();
Command memory_get_command();
Command memory_put_command();
Command memory_ls_command();
Command memory_search_command();
Command memory_rm_command();
Command key_create_command();
Command key_ls_command();
Command key_budget_command();
Command key_revoke_command();
Command tenant_create_command();
Command tenant_ls_command();
Command attest_ls_command();
Command attest_verify_command();
Command audit_ls_command();
Command backup_command();
Command restore_command();
Command contract_check_command();
Command config_check_command();
Command place_command();
Command catalog_show_command();
Command catalog_check_command();
Command catalog_diff_command();
Command sim_command();
Command sim_enclave_command();
Command sim_mcp_replay_command();
Command sim_mcp_tools_command();
Command tool_call_command();
Command tool_ls_command();

}  // namespace drover::app
