/** The templates of the shop. */

import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { type ApiError, execute } from '../api/client';
import { TemplatesDocument } from '../api/generated/graphql';
import { LoadError, Loading } from '../ui/states';

export function Templates(): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ['templates'],
    queryFn: ({ signal }) => execute(TemplatesDocument, {}, signal),
    retry: false,
  });
  return (
    <section aria-labelledby="templates-heading">
      <h2 id="templates-heading">Start from a template</h2>
      {error ? (
        <LoadError error={error as ApiError} onRetry={() => refetch()} />
      ) : !data ? (
        <Loading />
      ) : (
        <ul className="templates">
          {data.segmentTemplates.map((template) => (
            <li key={template.key} className="panel">
              <h3>
                <Link to={`/new?template=${encodeURIComponent(template.key)}`}>
                  {template.name}
                </Link>
              </h3>
              <p>{template.description}</p>
              <p className="hint">{template.summary}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
