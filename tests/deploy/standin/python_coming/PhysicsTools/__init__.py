"""What releases from 2026 on have."""
